"""Texts: from facts and a template to the exact words, for one channel, in one language. Pure."""

from kursi_messaging.rendering.render import Rendered, TemplateFailed, TemplateKey, render

__all__ = ["Rendered", "TemplateFailed", "TemplateKey", "render"]
