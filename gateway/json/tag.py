"""Tagged JSON, as sessions are written in."""

from __future__ import annotations

from gateway.framework.json_tag import JSONTag as JSONTag
from gateway.framework.json_tag import PassDict as PassDict
from gateway.framework.json_tag import PassList as PassList
from gateway.framework.json_tag import TagBytes as TagBytes
from gateway.framework.json_tag import TagDateTime as TagDateTime
from gateway.framework.json_tag import TagDict as TagDict
from gateway.framework.json_tag import TaggedJSONSerializer as TaggedJSONSerializer
from gateway.framework.json_tag import TagMarkup as TagMarkup
from gateway.framework.json_tag import TagTuple as TagTuple
from gateway.framework.json_tag import TagUUID as TagUUID
