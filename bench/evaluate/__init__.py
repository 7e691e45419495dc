"""The evaluator: predict, observe, score and record a run."""
