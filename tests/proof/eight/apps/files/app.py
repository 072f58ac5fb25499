import os

from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp


def create_app():
    folder = os.path.join(os.environ["HOME"], "files")
    os.makedirs(folder, exist_ok=True)
    return WsgiDAVApp(
        {
            "provider_mapping": {"/": FilesystemProvider(folder)},
            "simple_dc": {"user_mapping": {"*": True}},
            "mount_path": "/files",
            "verbose": 0,
        }
    )
