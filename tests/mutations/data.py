"""Breaks of slider_core/data."""

from mutations.mutant import Mutant

MUTANTS = (
    Mutant(
        "SimpleTuner's repeats are taken for ours",
        "slider_core/data/simpletuner/values.py",
        "whole=True)) + 1",
        "whole=True)) or 1",
        "tests/data/simpletuner/test_values.py -k repeats",
    ),
    Mutant(
        "a dataset's folder may lie anywhere",
        "slider_core/data/simpletuner/places.py",
        '    if normal.parts[:1] == ("..",):\n        return []\n',
        "",
        "tests/data/simpletuner/test_places.py -k outside",
    ),
    Mutant(
        "an absolute folder may lie anywhere",
        "slider_core/data/simpletuner/places.py",
        "if place.is_relative_to(os.path.abspath(root))]",
        "if root]",
        "tests/data/simpletuner/test_places.py -k outside",
    ),
    Mutant(
        "a neutral dataset is trained at one",
        "slider_core/data/simpletuner/values.py",
        "    return strength or None\n",
        "    return strength or 1.0\n",
        "tests/data/simpletuner/test_values.py -k strength",
    ),
    Mutant(
        "of a limited number, the first pictures are taken",
        "slider_core/data/simpletuner/pictures.py",
        "    return sorted((large or order)[:most])",
        "    return list(among)[:most]",
        "tests/data/simpletuner/test_pictures.py -k limited",
    ),
    Mutant(
        "the number of a picture is not used",
        "slider_core/data/bucket.py",
        "(self.strength or 0.0) if example.strength is None else example.strength",
        "self.strength or 0.0",
        "tests/training/test_graded.py",
    ),
    Mutant(
        "the ends are not balanced",
        "slider_core/data/balance.py",
        "    rows, columns = linear_sum_assignment(apart)",
        "    rows = columns = list(range(min(apart.shape)))",
        "tests/data/test_numbers.py -k balanced",
    ),
    Mutant(
        "pairs are compared with all, themselves included",
        "slider_core/data/pair_measures.py",
        "F.normalize(weighted.sum(0) - weighted, dim=1)",
        "F.normalize(weighted.sum(0).expand_as(weighted), dim=1)",
        "tests/data/test_pair_check.py",
    ),
    Mutant(
        "partners that are no pairs are called pairs",
        "slider_core/data/pair_check.py",
        "NO_PAIRS = 0.7",
        "NO_PAIRS = 7.0",
        "tests/data/test_pair_check.py -k names_alone",
    ),
    Mutant(
        "graded pairs must all differ by as much",
        "slider_core/data/pair_check.py",
        "    size = pair.size / pair.apart\n",
        "    size = pair.size\n",
        "tests/data/test_pair_check.py -k graded",
    ),
)
