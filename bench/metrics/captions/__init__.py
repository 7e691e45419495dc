"""Caption metrics: tokens of captions, and scores of any of the images.

Tokens are what `tokens.tokenise` makes, equal to the COCO caption evaluation's but for a caption
that ends in a single letter with a full stop ("a river and a."): the stop stays with the letter
here, while Stanford's program drops it where the caption that follows in its file begins a
sentence ("There are"), so that its tokens depend on the order of the images. 8 of the 10,242
distinct captions of NWPU-Captions end so: CIDEr-D was 1.4613 here and 1.4623 there. Of every metric
there is a value or a row of counts for each caption; a test set's BLEU is a function of the sum of
rows, that of all others the mean of values, and a resample's the same of a weighted sum. Candidates
are one tuple of tokens for each image, references a sequence of such tuples for each image.
"""
