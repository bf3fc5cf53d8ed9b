"""`smartEndpointingPlan.waitFunction`: how long to wait for a caller who is likely to go on.

An expression of `x`, 0 (the caller is done) to 1 (the caller goes on), in milliseconds, in the notation of
mathjs: `200 + 8000 * x`, `4000 * (1 - cos(pi * x))`. Arithmetic and the functions below are known."""

from __future__ import annotations

import ast
import logging
import math
import operator
from collections.abc import Callable, Mapping

log = logging.getLogger(__name__)

LONGEST = 200
"""Characters of an expression."""
MOST_SECONDS = 15.0

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    name: getattr(math, name)
    for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "floor", "ceil", "pow")
} | {"abs": abs, "min": min, "max": max, "round": round}
_CONSTANTS = {"pi": math.pi, "e": math.e}


def default_wait(x: float) -> float:
    """Seconds; what the API takes when no function is given: 20 + 500 sqrt(x) + 2500 x^3 milliseconds."""
    return 0.02 + 0.5 * math.sqrt(x) + 2.5 * x**3


def compile_wait(source: str) -> Callable[[float], float]:
    """From `x` to seconds, 0 to `MOST_SECONDS`. An expression that is not understood, or has no value for
    some `x`, leaves the default, with a warning in the log."""
    if len(source) <= LONGEST:
        try:
            tree = ast.parse(source.replace("^", "**").strip(), mode="eval").body
            for tenths in range(11):
                _seconds(tree, tenths / 10)
        except (SyntaxError, ValueError, ArithmeticError, TypeError, RecursionError, MemoryError):
            pass
        else:
            return lambda x: _seconds_or_default(tree, x)
    log.warning("a waitFunction is not understood and the default holds: %.80r", source)
    return default_wait


def _seconds_or_default(tree: ast.expr, x: float) -> float:
    try:
        return _seconds(tree, x)
    except (ValueError, ArithmeticError):
        return default_wait(x)


def _seconds(tree: ast.expr, x: float) -> float:
    milliseconds = _value(tree, x)
    if math.isnan(milliseconds):
        raise ValueError("not a number")
    return min(max(milliseconds / 1000, 0.0), MOST_SECONDS)


def _value(node: ast.expr, x: float) -> float:
    """Raises ValueError for anything but arithmetic."""
    match node:
        case ast.Constant(value=bool() | str() | bytes() | complex() | None):
            pass
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id="x"):
            return x
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, x)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, x)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, x), _value(right, x))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return float(_FUNCTIONS[name](*(_value(each, x) for each in args)))
        case _:
            pass
    raise ValueError("not arithmetic")
