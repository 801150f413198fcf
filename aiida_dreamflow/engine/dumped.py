"""A step as `verdi process dump` writes it: what is told of it, and nothing that stands elsewhere in the dump.

AiiDA copies the files of all inputs of a calculation. Those of a step are inputs and outputs of the workflow and its children. Of its
own files the source is of use to a person, and that is the same for all steps; the frame is not.

Relies on this behaviour of aiida-core 2.9: ``aiida.tools._dumping.executors.process`` asks the node of a calculation for
``base.repository.copy_tree``, ``base.links.get_incoming(link_type=INPUT_CALC)``, ``base.attributes.all`` and its
``process_label``, and ``base`` keeps these in attributes of their own (``cached_property``). ``tests/engine/test_dump.py``
breaks when that changes.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.orm.nodes.attributes import NodeAttributes
from aiida.orm.nodes.links import NodeLinks
from aiida.orm.nodes.repository import NodeRepository
from aiida.orm.utils.links import LinkManager

from .steps import is_step_label

__all__ = ('is_dumping', 'to_dump')

_SOURCE_FILE = orm.CalcFunctionNode.FUNCTION_SOURCE_FILE_PATH
#: What stands in the record of a step for a restart only.
_FOR_RESTARTS = ('frame', 'signature', 'origins', 'above', 'sources')


def is_dumping(module: str) -> bool:
    """Return whether a module is that which writes dumps.

    :param module: its name.
    """
    return module.startswith('aiida.tools.') and 'dumping' in module


def to_dump(links: LinkManager) -> LinkManager:
    """Return the links from a workflow to what it has called, with steps as they are dumped.

    :param links: the links.
    """
    for entry in links.all():
        if is_step_label(entry.link_label) and isinstance(entry.node, orm.CalcFunctionNode):
            base = vars(entry.node.base)
            base['attributes'], base['links'] = _Attributes(entry.node), _Links(entry.node)
            base['repository'] = _Repository(entry.node)
    return links


class _Attributes(NodeAttributes):
    """What is told of a step: its label may be the name of a folder, and what only a restart reads is left out."""

    @property
    def all(self) -> dict[str, Any]:
        """All of them."""
        found = dict(super().all)
        own = found.get('dreamflow', {})
        found['dreamflow'] = {name: value for name, value in own.items() if name not in _FOR_RESTARTS}
        return found

    def get(self, key: str, *default: Any) -> Any:
        """Return one of them."""
        found = super().get(key, *default)
        return (
            re.sub(r'[^\w.-]+', '_', found).strip('_.') if key == 'process_label' and isinstance(found, str) else found
        )


class _Links(NodeLinks):
    """The links of a step, without inputs: their files are elsewhere."""

    def get_incoming(self, node_class: Any = None, link_type: Any = (), *args: Any, **kwargs: Any) -> LinkManager:
        """Return links to nodes."""
        if link_type is LinkType.INPUT_CALC:
            return LinkManager([])
        return super().get_incoming(node_class, link_type, *args, **kwargs)


class _Repository(NodeRepository):
    """The files of a step: its source, for the first of a workflow."""

    def copy_tree(self, target: Any, path: Any = None) -> None:
        """Write the source into a folder."""
        if self._node.base.attributes.get('dreamflow', {}).get('step') == 1:
            (Path(target) / _SOURCE_FILE).write_bytes(self.get_object_content(_SOURCE_FILE, mode='rb'))
        else:
            with contextlib.suppress(OSError):  # AiiDA has made it for these files; a flat dump has others in it
                Path(target).rmdir()
