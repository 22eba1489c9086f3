"""
How fast partyrooms is, beside others that do the same.

``python -m benchmarks`` measures everything and writes ``RESULTS.md``;
``python -m benchmarks --quick echo fan-out`` is for the impatient. Only ratios count:
partyrooms and its peers run in turns, on one core, against one load generator.

Whether a change made anything slower is told by another checkout, measured in turns
with this one::

    git worktree add ../before main
    python -m benchmarks --compare ../before
    python -m benchmarks --compare ../before --rounds 25 echo-50 get-none

It prints a ratio for each row, and ends with 1 if a row is more than 5 % slower. The
verdict is by CPU time where there is one, which other work on the machine changes
least. Beside itself a checkout has shown ratios of 0.96 to 1.05 in 5 short rounds on a
machine with a load of 10: a row near the bound needs more rounds.
"""
