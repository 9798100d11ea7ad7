"""The elastic gel: its Green's tensors and the forward operator from traction to displacement."""
