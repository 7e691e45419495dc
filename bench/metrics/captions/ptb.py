r"""What Stanford's PTBTokenizer 3.4.1 does to one line of text, as rules.

A rule is a regular expression whose group 1 is the token; what it matches beyond is context. At
every place the rule with the longest match, context counted, has its way, the earlier one where
two match the same. The rules were held against the program's output: on captions of remote-sensing
datasets, on every character of Unicode's basic plane, on every short word and on random strings.

Not reproduced: a single letter with a full stop at the end of a line loses the stop where the next
line starts a sentence (here lines know nothing of each other); entities inside a word
(``caf&eacute;``); telephone numbers with brackets, fractions across a space and faces such as
``^_^`` as one token; letters that Unicode took up after its version 6 vanish there.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

Write = Callable[[str], str]


class _Rule(NamedTuple):
    """How a token is found, and how it is written."""

    match: Callable[[str, int], re.Match[str] | None]
    write: Write


def lex(line: str) -> list[str]:
    """The tokens of a line in order and in their own case, without most of its punctuation.

    Line breaks count as spaces.
    """
    text = _SPACE.sub(" ", line) + "\n"
    shape = text if text.isascii() else "".join(map(_shape, text))
    tokens: list[str] = []
    position, last = 0, len(shape) - 1
    while position < last:
        gap = _GAP(shape, position)
        if gap:
            position = gap.end()
            continue
        plain = _PLAIN(shape, position)
        if plain:
            words = text[position : plain.end()].translate(_APART).split()
            if _SPLIT.isdisjoint(map(str.lower, words)):
                tokens += words
                position = plain.end()
                continue
        reach, end = position, position + 1
        write: Write = _nothing
        for rule in _BY_START.get(shape[position], _MARKS):
            found = rule.match(shape, position)
            if found and found.end() > reach:
                reach, end, write = found.end(), found.end(1), rule.write
        token = write(text[position:end])
        if token:
            tokens.append(token)
        position = end
    return tokens


@lru_cache(4096)
def _shape(character: str) -> str:
    """What the rules see of a character: all letters beyond ASCII look alike, all digits too."""
    if character.isascii():
        return character
    if character > "\uffff":
        return _UNKNOWN
    if character.isdecimal():
        return "0"
    return "é" if character.isalpha() or _COMBINING.match(character) else character


def _nothing(token: str) -> str:
    return ""


def _as_is(token: str) -> str:
    return token.replace("\u00ad", "")


def _bracketed(token: str) -> str:
    return token.replace("(", "-LRB-").replace(")", "-RRB-")


def _straight(token: str) -> str:
    return token.translate(_STRAIGHT)


def _named(token: str) -> str:
    return _NAMES.get(token, token)


def _ampersand(token: str) -> str:
    return token.replace("&amp;", "&")


def _alternatives(words: str) -> str:
    return "|".join(sorted(map(re.escape, words.split()), key=len, reverse=True))


# Marks that are deleted where they stand before a space, and words that nothing can join.
_GAP = re.compile(r"(?:[-,;:?!\"]?[ \n]++|\.[ \n]++(?!\.))+").match
_PLAIN = re.compile(r"(?:[A-Za-zé]+[,;:?!]?(?: +|(?=\n)))+").match
_APART = str.maketrans(",;:?!", "     ", "\u00ad")
_UNKNOWN = "\ufffe"
_SPACE = re.compile(r"\s")
_COMBINING = re.compile(
    "[\u00ad\u02c2-\u02ff\u0300-\u036f\u0375\u0384\u0385\u03f6\u0483-\u0487\u055a-\u055f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a\u064b-\u065e\u0670"
    "\u06d6-\u06ef\u0730-\u074f\u07a6-\u07b0\u0900-\u0963\u0981-\u0d4d\u0e31-\u0eb9]"
)
_STRAIGHT = {
    **dict.fromkeys(map(ord, "\u2019\u0092\u00b4"), "'"),
    **dict.fromkeys(map(ord, "\u2018\u201b\u0091"), "`"),
}
_NAMES = {
    **{"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"},
    **{"£": "#", "¢": "cents", "¤": "$", "€": "$", "\u20a0": "$", "\u0080": "$"},
    **{"¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"},
    **{"&amp;": "&", "&lt;": "<", "&gt;": ">"},
}

_SPLIT = frozenset(("cannot", "gonna", "gotta", "lemme", "gimme", "wanna"))

# With their full stop, wherever they stand and however they are written.
_ABBREVIATIONS = """
    adj adm adv al ala alex apr ariz assn assoc asst atty attys aug ave bancorp bhd bldg blvd brig
    bros calif capt cf cie cmdr co col colo comdr conn corp cos cpl ct dak dec dept det dr drs elec
    ens esq est etc ext feb fla fri ft ga gen gov govs hon inc ind insp intl invt jan jos jr jul jun
    kan kans ky lieut lt ltd maj mar md messrs mich minn mlle mme mo mon mont mr mrs ms msgr mt natl
    neb nev nov oct okla penn pfc ph plc pres prof profs pvt rd rep reps rev rt sen sens sep sept
    seq sfc sgt spc sq sr st ste supt supts sys tel tenn thu thurs treas tue tues univ va vs vt wed
    wis wisc wm wyo ed.d ph.d
"""
_ABBREVIATED_STATES = "Ark Az Del Ill La Mass Miss Ore Pa Tex Wash"
_ABBREVIATED_FIRMS = "mfg mtg pte ptes pty"
_ABBREVIATED_BEFORE_NUMBERS = "art ca fig figs no nos op pp prop"

EXCEPTIONS = _SPLIT.union(
    _ABBREVIATIONS.split(), _ABBREVIATED_STATES.lower().split(), _ABBREVIATED_FIRMS.split()
)
"""Plain words that aren't tokens by themselves, or own the full stop behind them."""

# "Plan B. The" ends a sentence where "plan B. tower" doesn't.
_SENTENCE_STARTS = """
    About According Additionally After An A As At But Did During Earlier He Her Here How However If
    In It Last Many More Mr. Ms. Now Once One Other Our She Since So Some Such That The Their Then
    There These They This We When While What Who Why Yet You
"""
_EXTENSIONS = """
    bat bmp bz2 c class cgi cpp dll docx doc exe gif gz html htm h jar java jpeg jpg mov mp3 pdf php
    pl png ppt ps py sql tar txt wav xml x zip
"""

_L = "[A-Za-zé]"
_A = "[A-Za-z0-9é]"
_APOSTROPHE = "['\u2019\u0092\u00b4]"
_TICK = "['\u2019\u0092\u00b4`\u2018\u201b\u0091]"
_HYPHEN = "[-_\u058a\u2010\u2011]"
_WORD = rf"{_L}{_A}*(?:[.!?]{_L}{_A}*)*"
_ENDINGS = "(?:[msdMSD]|[rR][eE]|[vV][eE]|[lL][lL])"
_NUMBER = "(?:[0-9]+(?:[.:,][0-9]+)*|(?:[.:,][0-9]+)+)"
_ELISION = f"(?:[dDoOlL]{_TICK}{_A})?"
_THING = f"{_ELISION}{_A}+(?:{_HYPHEN}{_ELISION}{_A}+)*"
_STEP = r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"
_EYES, _NOSE, _MOUTH = "[:;=]", "[-o*']", r"[()DdPpO@|{\\\[\]]"
_URL = r"[^ \n\"<>|()]"
_URL_END = r"[^ \n\"<>|.!?(){},-]"
_SYMBOLS = (
    r"$+%&~^|\\<>=/\u00a1-\u00a9\u00ac\u00ae-\u00b3\u00b6-\u00b9\u00bc-\u00bf\u00d7\u00f7"
    r"\u037e\u0387\u0589\u05be\u05c0\u05c3\u060c\u061b\u061f\u066a\u066d\u06d4\u0964\u0965\u0e3f\u1fbd\u2016\u2017\u201a\u201e\u201f"
    r"\u2020-\u2023\u2030-\u2038\u203b\u203e-\u2044\u2070-\u208e\u20a0\u20a4\u20ac\u2100-\u214f"
    r"\u2153-\u215e\u2190-\u2bff\u3001\u3002\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40"
    r"\uff5b-\uff65\uffe0\uffe1\uffe5\uffe6\u0080"
)


def _rules(*lines: tuple[str, Write]) -> tuple[_Rule, ...]:
    return tuple(_Rule(re.compile(pattern).match, write) for pattern, write in lines)


_ADDRESSES: tuple[tuple[str, Write], ...] = (
    (rf"((?i:https?)://{_URL}+{_URL_END})", _as_is),
    (
        r"((?:(?i:www)\.(?:[^ \n\"<>|.!?(){},]+\.)+[a-zA-Z]{2,4}"
        r"|(?:[^ \n\"`'<>|.!?(){},-_$]{1,256}\.){1,16}(?i:com|net|org|edu))"
        rf"(?:/{_URL}+{_URL_END})?)",
        _as_is,
    ),
    (
        r"((?:&lt;|<)?[a-zA-Z0-9][^ \n\"<>|()]{0,256}@(?:[^ \n\"<>|(){}.]{1,256}\.)*"
        r"[^ \n\"<>|(){}.]+(?:&gt;|>)?)",
        _as_is,
    ),
)
_COMPOUNDS: tuple[tuple[str, Write], ...] = (
    (rf"({_STEP}(?:\\?/{_STEP}){{1,2}})", _as_is),
    (rf"({_A}+(?:\.{_A}+)*\.(?i:{_alternatives(_EXTENSIONS)}))[ \n.?!,]", _as_is),
    (rf"((?:{_WORD}|{_THING})\.)[,;:]", _as_is),
    (f"({_THING})", _as_is),
    (r"([A-Za-z0-9][A-Za-z0-9.,]{0,256}(?:-(?:[A-Za-z0-9]+|[A-Za-z](?:\.[A-Za-z])+\.))+)", _as_is),
)
_WORDS = _rules(
    (r"((?i:can(?=not)|gon(?=na)|got(?=ta)|lem(?=me)|gim(?=me)|wan(?=na)))[A-Za-z]{2,3}", _as_is),
    (rf"({_WORD}){_APOSTROPHE}{_ENDINGS}", _as_is),
    (rf"([A-Za-zé]*[A-MO-Za-mo-z])[nN]{_TICK}[tT]", _as_is),
    (f"({_WORD})", _as_is),
    (
        rf"([LlDdJj]{_APOSTROPHE}|(?i:dunkin|somethin|ol){_APOSTROPHE}"
        rf"|[A-HJ-XZn]{_TICK}{_L}{{2,}}|{_L}+[aeiouyAEIOUY]{_TICK}[aeiouA-Z]{_L}*"
        r"|(?i:cont'd\.?|nor'easter|c'mon|e'er|s'mores|ev'ry|li'l|nat'l|o'o))",
        _as_is,
    ),
    (rf"([yY]{_APOSTROPHE}){_L}", _as_is),
    *_ADDRESSES,
    (rf"([nN]{_TICK}[tT])[^A-Za-zé]", _straight),
    (rf"((?i:c{_APOSTROPHE}est|cap{_APOSTROPHE}n|c\.d\.s|pro-|anti-|s&p-500|s&ls))", _as_is),
    (r"([A-Z]*\$)", _as_is),
    (rf"((?i:{_alternatives(_ABBREVIATIONS)}|{_alternatives(_ABBREVIATED_FIRMS)})\.)", _as_is),
    (rf"((?:{_alternatives(_ABBREVIATED_STATES)})\.)", _as_is),
    (rf"((?i:{_alternatives(_ABBREVIATED_BEFORE_NUMBERS)})\.) ?[0-9]", _as_is),
    (
        rf"([A-Za-z])\. +(?:(?=[A-Z])(?i:{_alternatives(_SENTENCE_STARTS)})|</?[A-Za-z]+/?>)[ \n]",
        _as_is,
    ),
    (r"((?i:non-u\.s\.|u\.s\.-u\.k\.)|[A-Za-z](?:\.[A-Za-z])*\.)", _as_is),
    (r"([A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+)", _ampersand),
    (r"((?i:c\+\+|[cf]#))", _as_is),
    *_COMPOUNDS,
)
_DIGITS = _rules(
    (r"([0-9]{1,2}[-/][0-9]{1,2}[-/][0-9]{2,4})", _as_is),
    (f"({_NUMBER})", _as_is),
    (r"((?:[0-9]{1,4}-)?[0-9]{1,4}(?:\\?/|\u2044)[0-9]{1,4})", _as_is),
    *_ADDRESSES,
    *_COMPOUNDS,
)
_MARKS = _rules(
    (r"('(?i:t))(?i:is|was)", _as_is),
    (rf"({_APOSTROPHE}(?:[nN]{_APOSTROPHE}?|(?i:em|till?|cause)|[2-9]0[sS]))", _as_is),
    (rf"({_APOSTROPHE}{_ENDINGS})[^A-Za-z]", _straight),
    (rf"(\u2019{_ENDINGS})", _straight),
    (rf"({_APOSTROPHE}[0-9][0-9])[ \n]", _as_is),
    (r"(')[A-Za-z][^ \n]", _nothing),
    (rf"([-+]{_NUMBER}|{_NUMBER})", _as_is),
    *_ADDRESSES,
    (r"(-(?i:[lr][rcs]b)-)", _as_is),
    (r"([@\uff20][A-Za-z_][A-Za-z_0-9]*|[#\uff03][A-Za-zé]+)", _as_is),
    (r"(<(?:[!?][A-Za-z-]|/?[A-Za-z])[A-Za-z0-9_:.= \"'/-]{0,256}>)", _as_is),
    (rf"([<>]?{_EYES}{_NOSE}?{_MOUTH})[^A-Za-z0-9]", _bracketed),
    (r"(`\u2019|\u2019`)", _straight),
    (r"([`'\u2018\u2019]['\u2019])", _nothing),
    (r"(--{1,3}(?!-))", _nothing),
    (r"(<<|>>|-----+|@+|#+|_+|\*+|(?:\\\*){1,3}|[?!]+)", _as_is),
    (r"([\u207a\u207b]?[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]+)", _as_is),
    (r"([\u208a\u208b]?[\u2080-\u2089]+)", _as_is),
    (r"(\.\.\.+|\. (?:\. )+\.)", _nothing),
    (r"(&amp;|&lt;|&gt;)", _named),
    (r"(&apos;|&quot;|&(?i:md|mdash|ndash);)", _nothing),
    (r"(&(?i:ht|tl|ur|lr|qc|ql|qr|odq|cdq|#[0-9]+);)", _as_is),
    (rf"([{_SYMBOLS}\[\](){{}}])", _named),
)
_BY_START = {
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzé", _WORDS),
    **dict.fromkeys("0123456789", _DIGITS),
}
