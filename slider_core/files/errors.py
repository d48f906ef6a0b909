"""What can be wrong with a slider file."""


class SliderFileError(ValueError):
    """A slider file cannot be written or read, or does not fit what it is loaded into."""
