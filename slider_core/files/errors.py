"""What can be wrong with a slider file."""


class SliderFileError(ValueError):
    """A slider file cannot be written or read, or does not fit what it is loaded into."""


class NeedsModelError(SliderFileError):
    """What is in a slider file can be read only together with the model that it is for."""
