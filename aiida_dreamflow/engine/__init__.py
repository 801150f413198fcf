"""The engine: AiiDA runs a workflow function as a process.

Knows compiler, runtime, values and jobs. Where it relies on what AiiDA does not promise, the module says so:
`transaction` (rows in bulk) and `outline` (an instruction of our own).
"""
