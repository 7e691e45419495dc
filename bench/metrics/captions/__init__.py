"""Caption metrics: tokens of captions, and scores that a bootstrap over images can resample.

Tokens are what `tokens.tokenise` makes, equal to the COCO caption evaluation's. Of every metric
there is a value or a row of counts for each caption; a test set's BLEU is a function of the sum of
rows, that of all others the mean of values, and a resample's the same of a weighted sum. Candidates
are one tuple of tokens for each image, references a sequence of such tuples for each image.
"""
