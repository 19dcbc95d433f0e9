"""Units that the names of columns state."""

import re

_SIMPLE = r"(?:[fpnuµμmck]?(?:M|mol|g|[lL]|cal|J|Da|eV|Pa|m|s|V)|%|°C|K|h|hr|hrs|min|days?|d)"
_UNIT = rf"{_SIMPLE}(?:\s?[/·*]?\s?{_SIMPLE}|\^?-?\d)*"
_IN_BRACKETS = re.compile(rf"[(\[]\s*({_UNIT})\s*[)\]]\s*$")
_AS_SUFFIX = re.compile(r"[\s_]([fpnuµμm]M)$")
_EXPONENT = {"fM": 15, "pM": 12, "nM": 9, "uM": 6, "µM": 6, "μM": 6, "mM": 3, "M": 0}
_SAME = {"nmol/L": "nM", "umol/L": "uM", "µmol/L": "µM", "μmol/L": "μM", "mmol/L": "mM", "mol/L": "M"}


def stated_unit(column: str) -> str | None:
    """The unit at the end of a column's name.

    >>> [stated_unit(c) for c in ("IC50 (nM)", "logS [mol/L]", "ki_uM", "dose (mg/kg)", "y (mean)")]
    ['nM', 'mol/L', 'uM', 'mg/kg', None]
    """
    found = _IN_BRACKETS.search(column) or _AS_SUFFIX.search(column)
    return found[1] if found else None


def molar_exponent(unit: str) -> int | None:
    """How many decades a unit of concentration is below mol/L; None of any other.

    >>> [molar_exponent(unit) for unit in ("nM", "mol/L", "mg/kg")]
    [9, 0, None]
    """
    return _EXPONENT.get(_SAME.get(unit, unit))
