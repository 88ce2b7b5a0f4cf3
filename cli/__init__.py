"""The `broadside` command: one module a group of commands, each command thin over a function of a lower package.

`main` is the entry; `output` is how commands speak, `options` what several take, `group` how their modules are found.
"""
