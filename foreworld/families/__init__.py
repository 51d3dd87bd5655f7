"""World-model families, one a file; `foreworld.catalog` knows their names."""
