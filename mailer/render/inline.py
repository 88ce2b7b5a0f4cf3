"""Styles from the head into the elements, once per edition."""

import logging

from lxml import etree
from premailer import Premailer

DOCTYPE = "<!DOCTYPE html>"


def inline(html: str) -> etree._Element:
    """The document with its style rules copied into `style` attributes; its style elements stay as they are.

    premailer's defaults would strip every `!important`, which undoes dark mode, and fetch what the document names.
    """
    root = etree.fromstring(html, etree.HTMLParser())
    premailer = Premailer(
        root,
        keep_style_tags=True,
        strip_important=False,
        allow_network=False,
        allow_loading_external_files=False,
        disable_link_rewrites=True,
        disable_validation=True,
        # Attributes know no `auto`, and widths in pixels would hold on telephones.
        disable_basic_attributes=["width", "height"],
        cssutils_logging_level=logging.CRITICAL,  # it warns of each property of Outlook's
    )
    premailer.transform()
    return root


def serialise(root: etree._Element) -> str:
    """The document as text, with the doctype of HTML5."""
    return etree.tostring(root, method="html", encoding="unicode", doctype=DOCTYPE)
