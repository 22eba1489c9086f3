"""
How fast partyrooms is, beside others that do the same under the same server.

``python -m benchmarks`` measures everything and writes ``RESULTS.md``;
``python -m benchmarks --only echo,fanout --quick`` is for the impatient. Only ratios
count: partyrooms and its peers run in turns, on one core, against one load generator.
"""
