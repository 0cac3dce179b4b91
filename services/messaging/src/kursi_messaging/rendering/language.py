"""The language that templates are written in: a small part of Liquid that cannot run away.

Liquid as its library registers it is not bounded: a range of a hundred million numbers may be joined, searched
or reversed, and `replace` multiplies texts. What stands here is a list of what is allowed, not of what is
forbidden, so an update of the library adds nothing by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined
from liquid.ast import Node
from liquid.builtin import content, illegal, output
from liquid.builtin.expressions import FilteredExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.filters.misc import default
from liquid.builtin.filters.string import capitalize, downcase, upcase
from liquid.builtin.tags import case_tag, comment_tag, for_tag, if_tag, unless_tag
from liquid.exceptions import LiquidError
from liquid.expression import Expression

MAX_SOURCE: Final = 10_000
"""Characters of a template: five times the longest that we bring along, parsed in some 50 ms."""

MAX_DEPTH: Final = 20
"""Of expressions inside expressions; the interpreter's own stack ends somewhere past a hundred."""


class TemplateMalformed(ValueError):
    """The source is not a template; the message says where."""


class MessageLanguage(Environment):
    """Variables, conditions, loops over what is given, four filters. No assignments, includes or numbers."""

    loop_iteration_limit: ClassVar[int] = 200
    output_stream_limit: ClassVar[int] = 100_000
    block_nesting_limit: ClassVar[int] = 10
    context_depth_limit: ClassVar[int] = 10

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:  # noqa: ARG002 - the library's signature
        """Register what is allowed; `extra` is the library's and changes nothing."""
        for tag in (
            content.Literal, output.Output, illegal.Illegal, comment_tag.CommentTag, if_tag.IfTag,
            unless_tag.UnlessTag, case_tag.CaseTag, for_tag.ForTag,
        ):  # fmt: skip
            self.add_tag(tag)
        for name, function in {
            "default": default, "upcase": upcase, "downcase": downcase, "capitalize": capitalize,
        }.items():  # fmt: skip
            self.add_filter(name, function)

    def parse_message(self, source: str) -> BoundTemplate:
        """Parse a template.

        Raises:
            TemplateMalformed: wrong syntax, a tag or filter that is not allowed, a range, or too long.
        """
        if len(source) > MAX_SOURCE:
            raise TemplateMalformed(f"a template has at most {MAX_SOURCE} characters")
        try:
            template = self.from_string(source)
            for expression in _expressions(template):
                self._refuse_what_is_not_allowed(expression)
        except LiquidError as error:
            raise TemplateMalformed(error.detailed_message()) from error
        except RecursionError as error:
            raise TemplateMalformed("the template is nested too deeply") from error
        return template

    def _refuse_what_is_not_allowed(self, expression: Expression) -> None:
        if isinstance(expression, RangeLiteral):
            raise TemplateMalformed("ranges are not allowed")
        if isinstance(expression, FilteredExpression):
            # The library would find an unknown filter only when the message is written.
            unknown = [used.name for used in expression.filters or () if used.name not in self.filters]
            if unknown:
                raise TemplateMalformed(f"there is no filter {unknown[0]}")


TEXT: Final = MessageLanguage(undefined=StrictUndefined)
"""Makes plain text. A variable that is not given is an error, never an empty place."""
HTML: Final = MessageLanguage(undefined=StrictUndefined, autoescape=True)
"""Makes HTML: every value is escaped unless it is `Markup`."""


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    for node in _nodes(template.nodes, template):
        yield from _descend(node.expressions(), MAX_DEPTH)


def _nodes(nodes: Iterable[Node], template: BoundTemplate) -> Iterator[Node]:
    # The library wants a context to load includes with; there are none to load.
    nowhere = RenderContext(template)
    for node in nodes:
        yield node
        yield from _nodes(node.children(nowhere), template)


def _descend(expressions: Iterable[Expression], depth: int) -> Iterator[Expression]:
    for expression in expressions:
        if not depth:
            raise TemplateMalformed("an expression is nested too deeply")
        yield expression
        yield from _descend(expression.children(), depth - 1)
