"""Word count over text that every Python installation has."""
