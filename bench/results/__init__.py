"""What is kept: run folders, the database, exports, imports, published numbers."""
