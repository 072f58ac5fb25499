"""The keys of mounts that run code."""

from __future__ import annotations

from typing import Final

from gateway.config.keys import CODE, Key
from gateway.config.shapes import FOLDER, FREE, VARIABLES
from gateway.config.values import BOOLEAN, PROBE, REFERENCE, choice

CODE_KEYS: Final = (
    Key(
        "path",
        ("mount",),
        FOLDER,
        "The folder that the application's modules are imported from.",
        otherwise="the folder of this file, if the module is there; else it is an "
        "installed one",
        kinds=CODE,
    ),
    Key(
        "imports",
        ("mount", "defaults"),
        choice("private", "shared"),
        "Whether the mount has modules of its own (private), so that two mounts may "
        "each have an app.py, or those of the process (shared), with `path` on "
        "`sys.path`.",
        otherwise="private, except for an installed module",
        kinds=CODE,
    ),
    Key(
        "args",
        ("mount",),
        FREE,
        "Keyword arguments of the factory.",
        otherwise="none",
        kinds=CODE,
    ),
    Key(
        "factory",
        ("mount", "defaults"),
        BOOLEAN,
        "Whether the reference names a factory, for the cases in which the parameters "
        "it takes do not tell.",
        otherwise="told by its parameters",
        kinds=CODE,
    ),
    Key(
        "config",
        ("mount", "defaults"),
        FREE,
        "The application's configuration, its current_app.config. A mount's own keys "
        "win over those of `defaults:`.",
        otherwise="empty",
        kinds=CODE,
    ),
    Key(
        "env",
        ("mount", "defaults"),
        VARIABLES,
        "Environment variables that this mount alone has, over those of the process. "
        "A mount's own win over those of `defaults:`.",
        otherwise="none",
        kinds=CODE,
    ),
    Key(
        "cookies",
        ("mount", "defaults"),
        choice("isolated", "namespaced", "shared"),
        "How the mount's cookies are kept from the others: by their path (isolated), "
        "by their name (namespaced), or not at all (shared).",
        default="isolated",
        kinds=CODE | {"proxy"},
    ),
    Key(
        "strict",
        ("mount", "defaults"),
        BOOLEAN,
        "Whether it is an error to change what all mounts share, such as the working "
        "directory: then the mount does not load, and `gateway prove` fails.",
        otherwise="such changes are only told",
        kinds=CODE,
    ),
    Key(
        "probe",
        ("mount",),
        PROBE,
        "A path inside the mount that is asked when it has been loaded, before it "
        "serves; a status of 400 or more is a failure to load.",
        otherwise="nothing is asked",
        kinds=CODE | {"proxy"},
    ),
    Key(
        "on_load_error",
        ("mount", "defaults"),
        choice("fail", "degrade"),
        "What follows if the mount does not load when the gateway starts: it does not "
        "start (fail), or the mount answers 503 until it does load, and the others "
        "serve (degrade).",
        default="fail",
        kinds=CODE,
    ),
    Key(
        "shutdown",
        ("mount",),
        REFERENCE,
        "What is called when the mount is closed, as `module:attribute`.",
        otherwise="nothing",
        kinds=CODE,
    ),
    Key(
        "on_fork",
        ("mount",),
        REFERENCE,
        "What is called in each worker process before it serves, where the mount was "
        "loaded before the fork (gunicorn), as `module:attribute`: what was opened "
        "then, such as a connection, is to be opened anew.",
        otherwise="nothing",
        kinds=CODE,
    ),
)
