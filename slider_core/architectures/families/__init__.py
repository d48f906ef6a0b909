"""One file per model family: what it is recognised by, and which of its layers play which part.

Adding a family means adding a file here whose `FAMILIES` lists it, and its test.
"""
