import os
import sqlite3
from pathlib import Path

from datasette.app import Datasette


def create_app():
    file = Path(os.environ["HOME"], "archive.db")
    with sqlite3.connect(file) as database:
        database.execute("create table if not exists letters (sender, year)")
    database.close()
    return Datasette([str(file)], settings={"base_url": "/archive/"}).app()
