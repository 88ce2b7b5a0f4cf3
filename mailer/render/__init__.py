"""From Markdown and a kind's template to a compiled edition, in which only what depends on the recipient is Jinja.

The order of the work: tokens, markdown, fragment, kinds, inline, places, text; `compile` calls them.
"""
