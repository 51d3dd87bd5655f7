"""References find classes in packages and in files, and say what does not exist."""

import json
from collections import OrderedDict

import pytest

from foreworld.reference import locate, reference


def test_packages():
    assert locate("collections:OrderedDict") is OrderedDict
    assert reference(OrderedDict) == "collections:OrderedDict"
    assert reference(json.JSONDecoder) == "json.decoder:JSONDecoder"


def test_files(tmp_path, monkeypatch):
    (tmp_path / "my_model.py").write_text("class MyModel:\n    pass\n")
    monkeypatch.chdir(tmp_path)
    found = locate("./my_model.py:MyModel")
    assert found is locate(f"{tmp_path}/my_model.py:MyModel")
    assert reference(found) == f"{tmp_path}/my_model.py:MyModel"
    assert locate(reference(found)) is found


def test_a_file_that_fails_is_tried_again(tmp_path):
    (tmp_path / "bad.py").write_text("import nothing_of_this_name\n")
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
            locate(f"{tmp_path}/bad.py:Model")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rssm", "write package.module:Name or file.py:Name"),
        ("collections:", "write package.module:Name"),
        ("collectionz:OrderedDict", "there is no module 'collectionz'"),
        ("json.decodr:JSONDecoder", "there is no module 'json.decodr'"),
        ("collections:OrderdDict", "did you mean 'OrderedDict'"),
        ("nowhere/model.py:M", "there is no file"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ValueError, match=message):
        locate(text)
