"""A window on one frame, in napari: images, displacement and traction as the settings are turned.

napari finds the plugin by its manifest ``napari.yaml``. Every number in the window is one of `tfmkit.batch`: the
preview is a batch of one frame, run by a process of its own. Install ``tfmkit[napari]`` and a binding of Qt, such as
PyQt6. Nothing else in tfmkit imports this package, which imports Qt only in the modules of the window itself.
"""
