"""Conversations about a failing test, as the builtin models read them."""

from __future__ import annotations

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart, UserPromptPart

from parcae.core.protocols import Request, ToolSpec

PACKAGES = "get_covered_packages"
CLASSES = "get_failing_tests_covered_classes"
METHODS = "get_failing_tests_covered_methods_for_class"
SNIPPET = "get_code_snippet"
TOOLS = tuple(ToolSpec(name=name, description=name, effect="read") for name in (PACKAGES, CLASSES, METHODS, SNIPPET))

OPENING = """Which function makes tests/test_shop.py::test_price_of_basket fail?

The failing test tests/test_shop.py::test_price_of_basket (tests/test_shop.py:3):
```python
   3  def test_price_of_basket():
   4      assert price_of_basket([1, 2]) == 5
```

It fails with:
```
tests/test_shop.py:4: in test_price_of_basket
    assert price_of_basket([1, 2]) == 5
E   assert 3 == 5
```"""
MAP = (
    (PACKAGES, {}, "shop"),
    (CLASSES, {"package_name": "shop"}, "shop.basket\nshop.tax.Rate"),
    (METHODS, {"class_name": "shop.basket"}, "shop.basket.price_of_basket(items)\nshop.basket.total(items)"),
    (METHODS, {"class_name": "shop.tax.Rate"}, "shop.tax.Rate.__init__(self, rate)\nshop.tax.Rate.round_up(self, x)"),
)


def request(
    *exchanges: tuple[str, dict[str, str], str],
    asked: str | None = None,
    tools: tuple[ToolSpec, ...] = TOOLS,
    seed: int | None = 1,
    temperature: float | None = 0.8,
) -> Request:
    messages: list[ModelMessage] = []
    waiting: list[UserPromptPart | ToolReturnPart] = [UserPromptPart(content=OPENING)]
    for number, (tool, arguments, result) in enumerate(exchanges):
        call = ToolCallPart(tool_name=tool, args=dict(arguments), tool_call_id=str(number))
        messages += [ModelRequest(parts=waiting), ModelResponse(parts=[call])]
        waiting = [ToolReturnPart(tool_name=tool, content=result, tool_call_id=str(number))]
    if asked is not None:
        waiting = [*waiting, UserPromptPart(content=asked)]
    messages.append(ModelRequest(parts=waiting))
    return Request(messages=messages, tools=tools, seed=seed, temperature=temperature)
