"""What a model learnt from, as ``DATASET/SPLIT`` or in words."""


def includes(learnt: str, dataset: str, split: str) -> bool:
    """Whether declared training data includes a split.

    Args:
        learnt: ``DATASET/SPLIT``; ``DATASET`` alone stands for all of its splits. Other words
            include nothing that is known.
        dataset: the name of a dataset.
        split: one of its splits.
    """
    named, _, part = learnt.strip().lower().partition("/")
    return bool(named) and named == dataset.lower() and part in ("", split.lower())
