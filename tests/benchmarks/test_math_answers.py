"""Hand-labelled pairs of answers that are the same, and of such that are not; what a solution ends with."""

from __future__ import annotations

import pytest

from parcae.benchmarks.math_answers import equivalent, final_answer

SAME = [
    (r"\frac{1}{2}", "1/2"),
    (r"\dfrac{1}{2}", "0.5"),
    (r"\frac12", ".5"),
    (r"\tfrac{3}{4}", "0.75"),
    (r"\frac{-3}{4}", r"-\frac{3}{4}"),
    (r"1\frac{1}{2}", "3/2"),
    ("2 1/4", "2.25"),
    (r"-1\frac12", "-1.5"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    (r"x \ge 2", r"x \geq 2"),
    (r"x \le 2", "x <= 2"),
    (r"\frac{3}{\sqrt{2}}", r"\frac{3\sqrt2}{2}"),
    ("10^{-3}", "0.001"),
    (r"\frac{1}{2}x", r"\frac{x}{2}"),
    ("1,234", "1234"),
    ("1{,}234{,}567", "1234567"),
    (r"10,\!000", "10000"),
    ("$42$", "42"),
    (r"\$18.00", "18"),
    ("42.", "42"),
    ("+7", "7"),
    ("007", "7"),
    (r"50\%", "50"),
    (r"90^\circ", "90"),
    (r"90^{\circ}", "90°"),
    (r"5\text{ cm}", "5"),
    (r"12\ \mathrm{m}^2", "12"),
    ("12 apples", "12"),
    ("5 cm", "5"),
    ("5cm^2", "5"),
    ("12 square feet", "12"),
    ("x=5", "5"),
    ("f(x)=2x+1", "2x+1"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    (r"\sqrt2", r"\sqrt{2}"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}"),
    (r"\sqrt[3]{8}", "2"),
    ("2^{10}", "1024"),
    (r"3\pi", "3π"),
    (r"\frac{\pi}{2}", "pi/2"),
    (r"2 \cdot 3", "6"),
    (r"x^2+2x+1", "(x+1)^2"),
    ("x+1", "1+x"),
    ("2ab", r"2 \times b \times a"),
    (r"\left(1,2\right)", "(1, 2)"),
    (r"\left( \frac{1}{2}, 3 \right)", "(0.5,3)"),
    (r"\{1,2,3\}", r"\{3,1,2\}"),
    ("1, 2", "2,1"),
    (r"1\text{ and }2", "1,2"),
    (r"(-\infty,2]\cup[3,\infty)", r"[3,\infty)\cup(-\infty,2]"),
    (r"x\in[1,2]", "[1,2]"),
    (r"\text{East}", "east"),
    (r"\textbf{(B)}", "B"),
    ("−4", "-4"),
]
OTHER = [
    ("1/2", "1/3"),
    ("0.333", "1/3"),
    ("1234", "1235"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "[1,2]"),
    ("1,2", "1,2,3"),
    ("1,1,2", "1,2,2"),
    ("x+1", "x-1"),
    ("2x", "x^2"),
    (r"\sqrt{2}", "1.414"),
    ("seat", "east"),
    ("no", "on"),
    ("12", "12x"),
    ("12", "12xyz"),
    ("90071992547409931", "90071992547409932"),
    (r"(1,234)", "1234"),
    ("1/0", "0"),
    (r"x \ge 2", r"x \le 2"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}12\end{pmatrix}"),
    (r"\left[1,2\right]", r"\left(1,2\right]"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_forms_of_one_answer_are_the_same(one: str, other: str) -> None:
    assert equivalent(one, other)
    assert equivalent(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert not equivalent(one, other)
    assert not equivalent(other, one)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"first \boxed{1}, then \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("3 + 4 = 7\n#### 1,007", "1,007"),
        ("So the answer is 12.", "12"),
        ("**Final answer: 8**", "8"),
        ("It takes 3 days and 14 hours", "14"),
        (r"\boxed{}", None),
        ("I do not know", None),
    ],
)
def test_what_a_solution_ends_with(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize("text", ["(" * 5000, "9^9^9^9^9", "\\frac" * 50, "{" * 100, "1/" * 90, "\\boxed{" * 50, ""])
def test_no_answer_breaks_the_comparison(text: str) -> None:
    final_answer(text)
    assert not equivalent(text, "5")
