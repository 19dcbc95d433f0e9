import gzip

import pytest

from molweight.benchmarks.text_layouts import (
    headed,
    json_abstracts,
    json_lines,
    labelled_abstracts,
    quoted,
    read_rows,
    renamed,
    tab_separated,
)
from molweight.errors import DataError


@pytest.fixture
def read(tmp_path):
    """Reads bytes as a file with a layout, and gives (text, pair, label, line) of each row."""

    def run(content: bytes, layout):
        path = tmp_path / "file"
        path.write_bytes(content)
        return [(row.text, row.pair, row.label, row.line) for row in read_rows(path, layout)]

    return run


def test_json_lines(read):
    content = b'{"text": " a \\u2028 b ", "label": "X", "metadata": []}\n\n{"text": "c", "label": "Y"}\n'
    assert read(content, json_lines) == [("a \u2028 b", None, "X", 1), ("c", None, "Y", 3)]


def test_gzipped_is_read_alike(read):
    content = b'{"text": "a", "label": "X"}'
    assert read(gzip.compress(content), json_lines) == read(content, json_lines)


def test_each_sentence_of_an_abstract_is_a_row(read):
    content = b'{"sentences": ["a", "b"], "labels": ["X", "Y"]}\n{"sentences": ["c"], "labels": ["X"]}'
    expected = [("a", None, "X", 1), ("b", None, "Y", 1), ("c", None, "X", 2)]
    assert read(content, json_abstracts) == expected


def test_abstracts_of_labelled_lines(read):
    content = b"###12\nmethods\tWe did .\nresults\tIt worked .\n\n###13\nresults\tNo .\n"
    expected = [("We did .", None, "methods", 2), ("It worked .", None, "results", 3)]
    assert read(content, labelled_abstracts) == [*expected, ("No .", None, "results", 6)]


def test_quotation_marks_are_text_where_nothing_is_quoted(read):
    content = b'\xef\xbb\xbfQuality\tid\t#1\t#2\r\n1\t7\t"a" b\t"c\r\n0\t8\td"\t"e"\r\n'
    expected = [('"a" b', '"c', "1", 2), ('d"', '"e"', "0", 3)]
    assert read(content, headed("Quality", "#1", "#2")) == expected


def test_columns_by_position_ignore_extra_ones(read):
    content = b"news\t5.000\ta\tb\nnews\t1.5\tc\td\tlicence\n"
    expected = [("a", "b", "5.000", 1), ("c", "d", "1.5", 2)]
    assert read(content, tab_separated(1, 2, 3, columns=4)) == expected


def test_quoted_texts_span_lines_and_are_joined(read):
    content = b'id,label,title,text\n1,0,"A ""b""","c\nd"\n2,1,e,f\n'
    expected = [('A "b" c\nd', None, "0", 3), ("e f", None, "1", 4)]
    assert read(content, quoted(1, 2, 3, columns=4, header=True)) == expected


def test_labels_are_put_into_words(read):
    assert read(b"0\ta\n1\tb\n", renamed(tab_separated(0, 1, columns=2), {"0": "no", "1": "yes"})) == [
        ("a", None, "no", 1),
        ("b", None, "yes", 2),
    ]


@pytest.mark.parametrize(
    ("content", "layout", "expected"),
    [
        (b'{"text": "a", "label": "X"}\n{"text": "b"', json_lines, "line 2 is not JSON"),
        (b'{"text": "a", "label": "X"}\n[1]', json_lines, "line 2 is not a JSON object"),
        (
            b'{"text": "a", "label": "X"}\n{"text": "b", "class": "X"}',
            json_lines,
            "line 2 .*'label'.*'class'",
        ),
        (b'{"text": 7, "label": "X"}', json_lines, "line 1 has no text in 'text'"),
        (b'{"text": "a", "label": "X"}\n{"text": " ", "label": "X"}', json_lines, "line 2 has an empty text"),
        (b'{"text": "a", "label": ""}', json_lines, "line 1 has an empty label"),
        (b'{"text": "a", "label": "X"}\n{"text": "\xff"}', json_lines, "line 2 is not UTF-8"),
        (b'{"sentences": ["a"], "labels": []}', json_abstracts, "1 sentences and 0 labels"),
        (b'{"sentences": "a", "labels": ["X"]}', json_abstracts, "no list of texts in 'sentences'"),
        (b"###1\nno tab here\n", labelled_abstracts, "line 2 has 1 column"),
        (b"a\tb\n1\t2\n", headed("label", "b"), "no column 'label'; it has 'a', 'b'"),
        (b"label\tb\n1\n", headed("label", "b"), "line 2 has 1 column"),
        (b"x\t1\ta\tb\nx\t1\ta\n", tab_separated(1, 2, 3, columns=4), "line 2 has 3 column"),
        (b"x\t1\ta\t\n", tab_separated(1, 2, 3, columns=4), "line 1 has an empty second text"),
        (b"1,a\n2\n", quoted(0, 1, columns=2), "line 2 has 1 column"),
        (b'1,"a\n', quoted(0, 1, columns=2), "not readable CSV"),
        (b"0\ta\n2\tb\n", renamed(tab_separated(0, 1, columns=2), {"0": "no"}), "line 2 .*'2'.*none of 0"),
        (b"", json_lines, "no rows"),
        (b"\x1f\x8bnot gzip", json_lines, "cannot be read"),
    ],
)
def test_bad_files_are_refused_with_the_line(read, tmp_path, content, layout, expected):
    with pytest.raises(DataError, match=expected) as refused:
        read(content, layout)
    assert str(tmp_path / "file") in str(refused.value)
