"""What several kinds share: the protocol, batches, tables and scoring."""
