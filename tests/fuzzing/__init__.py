"""Bad inputs for every way into the pack; `tests/fuzz.py` runs them all, `tests/test_fuzz.py` a part of them."""
