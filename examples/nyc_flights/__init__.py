"""Departure delays of all flights that left New York in 2013: the example that `make demo` runs."""
