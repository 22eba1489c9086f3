"""
How fast partyrooms is, beside others that do the same.

``python -m benchmarks`` measures everything and writes ``RESULTS.md``;
``python -m benchmarks --quick echo fan-out`` is for the impatient. Only ratios count:
partyrooms and its peers run in turns, on one core, against one load generator.
"""
