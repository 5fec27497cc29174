import bz2
import gzip

import pyarrow as pa
import pytest

from justright.errors import StorageError, TableError
from justright.source import dialect
from justright.source.dialect import compression_of, sniff


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2\n", ";"),
        ("a\tb\n1,5\t2;3\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a\n1\n2\n", ","),
        ("a b c\n1 2 x\n3 4 y\n", " "),
        ('a b\n1 "x y"\n3 z\n', " "),
        ("full name\nAda Lovelace\nAlan Turing\n", ","),
        ('name,text\n1,"x; y; z"\n2,"u; v; w"\n', ","),
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n9,1,2\n", ","),
    ],
)
def test_separator(write, text, separator):
    assert sniff(write(text)).separator == separator


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encoding(write, encoding, read):
    from justright.source import open_source

    path = write("name,n\nZo\u00eb,1\nAndr\u00e9,2\n", encoding=encoding)
    source = open_source(path)
    assert source.description["encoding"] == encoding
    assert read(source) == {"name": ["Zo\u00eb", "Andr\u00e9"], "n": ["1", "2"]}


def test_bytes_that_cp1252_leaves_undefined_are_latin_1(write):
    assert sniff(write(b"a,b\n\xe9\x81,1\n")).encoding == "latin-1"


def test_an_accent_at_the_end_of_a_long_file_tells_the_encoding(write):
    body = b"a,b\n" + b"1,2\n" * 600_000
    assert sniff(write(body + "\u00e9,1\n".encode("cp1252"))).encoding == "cp1252"
    assert sniff(write(body + "\u00e9,1\n".encode())).encoding == "utf-8"


def test_a_character_cut_by_the_probe_is_no_fault(write, monkeypatch):
    monkeypatch.setattr(dialect, "_HEAD", 14)
    monkeypatch.setattr(dialect, "_PROBE", 3)
    assert sniff(write("a,b\n1\u20ac,2\n3\u20ac,4\n5\u20ac,6\n" * 20)).encoding == "utf-8"


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, lambda b: pa.compress(b, "zstd", asbytes=True)]
)
def test_compression_is_seen_by_the_bytes_not_the_name(write, pack):
    path = write(pack(b"a,b\n1,2\n"), "t.csv")
    assert sniff(path).compression == compression_of(path) != ""
    assert sniff(path).names == ("a", "b")


def test_decimal_comma(write):
    assert sniff(write("a;b\n1,5;2\n2,5;3\n")).decimal == ","
    assert sniff(write('a,b\n"1,5",2\n"2,5",3\n')).decimal == ","
    assert sniff(write("a,b\n1.5,2\n")).decimal == "."


def test_quoting(write):
    assert sniff(write("a,b\n'x,y','z'\n'u','v'\n")).quote == "'"
    assert sniff(write('a,b\n"x",it\'s\n')).quote == '"'


def test_names_are_stripped_and_the_header_is_measured(write):
    found = sniff(write('\n" a\nb", c\n1,2\n'))
    assert found.names == ("a\nb", "c")
    assert found.header_lines == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "an empty file"),
        (b"\n \n", "an empty file"),
        (b"a,b\n", "a header without rows"),
        (b"a,a\n1,2\n", "the column name 'a' twice"),
        (b",a\n1,2\n", r"a blank name for column 1 of 2.*index=False"),
        (b"1.5,x\n2.5,y\n3.5,z\n", "looks like a row of values: 1.5, x"),
        (b"5,1,cat\n7,3,dog\n", "looks like a row of values"),
        (b"PK\x03\x04rest", "a zip or Excel file"),
        (b"PAR1rest", r"a Parquet file.*\.parquet"),
        (b"a\x00b,c\n1,2\n", "a binary file"),
    ],
)
def test_what_is_no_table_of_text(write, text, message):
    with pytest.raises(TableError, match=message):
        sniff(write(text))


@pytest.mark.parametrize("text", ["0,1,2\n5,6,7\n", "2019,2020\n1.5,2\n", "a,2020\nx,1\n", "x,y\nu,v\n"])
def test_headers_that_are_headers(write, text):
    assert sniff(write(text)).names == tuple(text.split("\n", 1)[0].split(","))


def test_a_damaged_archive_and_a_missing_file(write, tmp_path):
    packed = gzip.compress(b"a,b\n" + bytes(range(32, 127)) * 1000)
    with pytest.raises(TableError, match="a damaged gzip file"):
        sniff(write(packed[: len(packed) // 2] + b"rubbish"))
    with pytest.raises(StorageError, match="No such file"):
        sniff(tmp_path / "none.csv")
