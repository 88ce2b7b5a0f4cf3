"""Benchmarks: each prints ratios measured in one run, and fails when it cannot measure."""
