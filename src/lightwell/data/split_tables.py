"""Published open-set class lists, as the label codes their authors wrote.

Codes are positions in the official label order; for Tiny ImageNet the order differs by family (see
``splits``). Sources: the ARPL family is ``iCGY96/ARPL:split.py``; the Neal family is
``lwneal/counterfactual-open-set`` with ``dimitymiller/cac-openset``; DIFAIR's own lists are
``qchristoffel/DIFAIR:datasets/splits/osr_splits.py``.
"""

from __future__ import annotations

Codes = tuple[tuple[int, ...], ...]


def _rows(text: str) -> Codes:
    return tuple(tuple(int(code) for code in line.split()) for line in text.strip().splitlines())


ARPL_MNIST = _rows("""
    2 4 5 9 8 3
    3 2 6 9 4 0
    5 8 3 2 4 6
    3 7 8 4 0 5
    6 3 4 9 8 2
""")

ARPL_SVHN = _rows("""
    5 3 7 2 8 6
    3 8 7 6 2 5
    8 9 4 7 2 1
    3 8 2 5 0 6
    4 9 2 7 1 0
""")

ARPL_CIFAR10 = _rows("""
    0 6 4 9 1 7
    7 6 4 9 0 1
    1 5 7 3 9 4
    8 6 1 9 0 7
    2 4 1 7 9 6
""")

# Known classes in DIFAIR's three further CIFAR-10 splits, numbered on from the five above.
DIFAIR_CIFAR10 = {5: (2, 3, 4, 5, 6, 7), 6: (0, 1, 3, 4, 6), 7: (0, 1, 3, 4, 6, 8)}

# Known CIFAR-10 classes of the CIFAR+N protocol: one list a split, or the four vehicles always.
ARPL_PLUS_KNOWN = _rows("""
    4 7 9 1
    6 7 1 9
    9 6 1 7
    6 4 9 1
    1 0 9 8
""")
VEHICLES = (0, 1, 8, 9)

# Unknown CIFAR-100 classes of CIFAR+10 (shared by ARPL and DIFAIR).
ARPL_PLUS10 = _rows("""
    30 25 1 9 8 0 46 52 49 71
    41 9 49 40 73 60 48 30 95 71
    8 9 49 40 73 60 48 95 30 71
    95 60 30 73 46 49 68 99 8 71
    33 2 3 97 46 21 64 63 88 43
""")

# Unknown CIFAR-100 classes that CIFAR+50 adds before the ten of CIFAR+10.
_ARPL_PLUS40 = _rows("""
    27 94 29 77 88 26 69 48 75 5 59 93 39 57 45 40 78 20 98 47 66 70 91 76 41 83 99 32 53 72 2 95 21 73 84 68 35 11 55 60
    65 97 86 24 45 67 2 3 91 98 79 29 62 82 33 76 0 35 5 16 54 11 99 52 85 1 25 66 28 84 23 56 75 46 21 72 55 68 8 69
    20 83 65 97 94 2 93 16 67 29 62 33 24 98 5 86 35 54 0 91 52 66 85 84 56 11 1 76 25 55 21 99 72 41 23 75 28 68 69 46
    92 82 77 64 5 33 62 56 70 0 20 28 67 14 84 53 91 29 85 2 52 83 75 35 11 21 72 98 55 1 41 76 25 66 69 9 48 54 40 23
    47 6 19 0 62 93 59 65 54 70 34 55 23 38 72 76 53 31 78 96 77 27 92 18 82 50 98 32 1 75 83 4 51 35 80 11 74 66 36 42
""")  # noqa: E501 - one split a line, as published
ARPL_PLUS50: Codes = tuple((*more, *ten) for more, ten in zip(_ARPL_PLUS40, ARPL_PLUS10, strict=True))

# Known Tiny ImageNet codes: folder order for ARPL, wnids order for DIFAIR.
ARPL_TINY_IMAGENET = _rows("""
    108 147 17 58 193 123 72 144 75 167 134 14 81 171 44 197 152 66 1 133
    198 161 91 59 57 134 61 184 90 35 29 23 199 38 133 19 186 18 85 67
    177 0 119 26 78 80 191 46 134 92 31 152 27 60 114 50 51 133 162 93
    98 36 158 177 189 157 170 191 82 196 138 166 43 13 152 11 75 174 193 190
    95 6 145 153 0 143 31 23 189 81 20 21 89 26 36 170 102 177 108 169
""")

# Known codes of MNIST, SVHN and CIFAR-10 alike.
NEAL_TEN = _rows("""
    0 1 2 4 5 9
    0 3 5 7 8 9
    0 1 5 6 7 8
    3 4 5 7 8 9
    0 1 2 3 7 8
""")

NEAL_PLUS10 = _rows("""
    31 65 45 98 77 93 34 63 26 44
    11 97 98 75 66 77 95 99 93 7
    11 24 15 95 93 34 32 88 63 2
    11 1 64 42 45 38 66 67 63 44
    19 42 21 78 98 72 15 46 66 3
""")

# One set for all five trials: the animals and people of CIFAR-100.
NEAL_PLUS50 = sum(
    _rows("""
    1 2 3 4 6 7 11 14 15 18 19 21 24 26 27 29 30 31 32 34 35 36 38 42 43
    44 45 46 50 55 63 64 65 66 67 72 73 74 75 77 78 79 80 88 91 93 95 97 98 99
"""),
    (),
)

NEAL_TINY_IMAGENET = _rows("""
    192 112 145 107 91 180 144 193 10 125 186 28 72 124 54 77 157 169 104 166
    156 157 167 175 153 11 147 0 199 171 132 60 87 190 101 111 193 71 131 192
    28 15 103 33 90 167 61 13 124 159 49 12 54 78 82 107 80 25 140 46
    128 132 123 72 154 35 86 10 188 28 85 89 91 82 116 65 96 41 134 25
    102 79 47 106 59 93 145 10 62 175 76 183 48 130 38 186 44 8 29 26
""")

# Known CIFAR-10 codes, unknown CIFAR-100 codes.
TOY_CIFAR10: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "cat_dog_vs_tiger": ((3, 5), (88,)),
    "automobile_dog_vs_tiger": ((1, 5), (88,)),
    "automobile_truck_vs_tiger": ((1, 9), (88, 43, 42)),
}
