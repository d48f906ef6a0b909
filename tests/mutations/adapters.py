"""Breaks of slider_core/adapters."""

from mutations.mutant import Mutant

MUTANTS = (
    Mutant(
        "rank_dropout_scale ignored",
        "slider_core/adapters/base.py",
        "if self.rank_dropout_scale:",
        "if False:",
        "tests/adapters/test_dropout.py -k dropout",
    ),
    Mutant(
        "exclude_name is ignored",
        "slider_core/adapters/lycoris_config.py",
        "    targets = _not_excluded(read, targets, model)\n",
        "",
        "tests/adapters/test_lycoris_matching.py -k exclude",
    ),
    Mutant(
        "expressions of exclude_name match anywhere",
        "slider_core/adapters/expressions.py",
        "if re.match(expression, name)]",
        "if re.search(expression, name)]",
        "tests/adapters/test_lycoris_matching.py -k exclude",
    ),
    Mutant(
        "DoRA on LoKr leaves alpha out",
        "slider_core/adapters/dora.py",
        "        return whole.reshape(self.shape.full) * (self.alpha / self.rank)",
        "        return whole.reshape(self.shape.full)",
        "tests/adapters/test_kinds.py -k lokr",
    ),
)
