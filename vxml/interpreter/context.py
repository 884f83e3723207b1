"""An execution context: the documents, root and leaf, whose dialogs run; one per session and one per subdialog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vxml.document import DocumentError
from vxml.ecmascript import UNDEFINED
from vxml.interpreter.compile import compile_document
from vxml.interpreter.control import Exit, Jump, Recognition, Steps, Thrown
from vxml.interpreter.executable import execute_setup
from vxml.interpreter.execution import Execution
from vxml.interpreter.form import FormRun
from vxml.interpreter.model import Dialog, Document
from vxml.interpreter.requests import prefetch
from vxml.interpreter.runtime import Runtime, join_url
from vxml.messages import EndReason, Fetch


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A document and the address it came from."""

    document: Document
    url: str

    @property
    def base(self) -> str:
        return join_url(self.url, self.document.base) if self.document.base else self.url

    def root_url(self) -> str:
        """Its root document's address; its own when it has none."""
        if not self.document.application:
            return self.url
        return join_url(self.base, self.document.application).partition("#")[0]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where to go: `page` None stays in the document. `pending` is input already given for the dialog."""

    dialog: Dialog | None
    page: Page | None = None
    root: Page | None = None
    keep_application: bool = False
    pending: Recognition | None = None


class Context:
    """`params` name what a subdialog was given; their values lie in `held_scope`, as do those that it returns.

    `depth` counts the subdialogs around.
    """

    def __init__(self, rt: Runtime, params: Sequence[str] = (), held_scope: int | None = None, depth: int = 0) -> None:
        self.rt = rt
        self.params = params
        self.held_scope = rt.empty_scope if held_scope is None else held_scope
        self.depth = depth
        self.properties: Mapping[str, str] = rt.properties
        self.leaf: Page | None = None
        self.root: Page | None = None
        self.application_scope = rt.empty_scope
        self.document_scope = rt.empty_scope

    @property
    def in_subdialog(self) -> bool:
        return self.depth > 0

    @property
    def called(self) -> bool:
        """A page leads to what is loaded: it takes the events of documents that cannot be."""
        return self.leaf is not None or self.in_subdialog

    def execution(self) -> Execution:
        """Document-level execution."""
        empty = self.rt.empty_scope
        chain = (self.rt.session_scope, self.application_scope, self.document_scope, empty, empty)
        return Execution(self, None, None, chain, self.document_scope)

    # --- finding documents

    def resolve(self, url: str, base: str = "") -> str:
        outer = self.leaf.base if self.leaf else self.rt.config.application
        return join_url(join_url(outer, base) if base else outer, url)

    def target(self, request: Fetch, *, submit: bool = False, line: int = 0, reference: str = "#") -> Steps[Target]:
        """Load what a goto, submit, link, choice or subdialog leads to. Events are thrown where the element stands."""
        address, _, fragment = request.url.partition("#")
        same = self.leaf is not None and address == self.leaf.url.partition("#")[0]
        # Only a bare fragment stays in the document; its whole address loads it anew (RFC 2396 section 4.2).
        if self.leaf and same and fragment and not submit and reference.strip().startswith("#"):
            return Target(self._dialog(self.leaf.document, fragment, line))
        page = yield from self._page(address, replace(request, url=address) if fragment else request)
        if page.document.application:
            target = yield from self._with_root(page, request, fragment, line)
            return target
        keep = not submit and self.root is not None and self.root is not self.leaf and page.url == self.root.url
        return Target(self._dialog(page.document, fragment, line), page, page, keep)

    def _with_root(self, page: Page, request: Fetch, fragment: str, line: int) -> Steps[Target]:
        dialog = self._dialog(page.document, fragment, line)
        root_url = page.root_url()
        if self.root is not None and self.root.url == root_url:
            return Target(dialog, page, self.root, True)
        # Fetched as its leaf was, but without what that was sent.
        asked = replace(request, id=self.rt.new_id(), url=root_url, method="GET", body=None, content_type="")
        root = yield from self._page(root_url, replace(asked, private=False))
        if root.document.application:
            # Section 1.5.2: a root document must not itself name a root.
            raise Thrown("error.semantic", f"{root_url} is a root document and must not have application=", line)
        return Target(dialog, page, root)

    def _page(self, address: str, request: Fetch) -> Steps[Page]:
        reply = yield from self.rt.fetch(request)
        url = (reply.url or address).partition("#")[0]
        try:
            document = compile_document(reply.body)
            if document.fault is not None and self.called:
                raise document.fault
            return Page(document, url)
        except DocumentError as error:
            raise Thrown("error.badfetch", f"{url.partition('?')[0]}:{error.line}: {error}") from error

    def _dialog(self, document: Document, name: str, line: int) -> Dialog | None:
        if not name:
            return document.dialogs[0] if document.dialogs else None
        dialog = document.dialog(name)
        if dialog is None:
            raise Thrown("error.badfetch", f"there is no dialog #{name}", line)
        return dialog

    def other_dialog(self, dialog: Dialog, page: Page | None, pending: Recognition) -> Target:
        """A dialog whose grammar matched while another ran: of this document, or of the root (section 3.1.4)."""
        if page is None or page is self.leaf:
            return Target(dialog, pending=pending)
        return Target(dialog, page, page, True, pending)

    # --- subdialogs

    def nested(self, params: Sequence[str], held_scope: int) -> Context:
        return Context(self.rt, params, held_scope, self.depth + 1)

    def entered_afresh(self, target: Target) -> Target:
        """`target` for a nested context, which shares no scope with this one (section 2.3.4)."""
        if target.page is None:
            return Target(target.dialog, self.leaf, self.root)
        return Target(target.dialog, target.page, target.root)

    def close(self) -> None:
        for scope in {self.application_scope, self.document_scope} - {self.rt.empty_scope}:
            self.rt.engine.drop_scope(scope)

    # --- running

    def run(self, target: Target) -> Steps[None]:
        """Run dialogs until one leaves the context by Exit or Return, or falls off its end."""
        while True:
            try:
                if target.page is not None:
                    yield from self._enter(target)
                if target.dialog is None:
                    return
                form = FormRun(self, target.dialog, target.pending)
                try:
                    yield from form.run()
                finally:
                    form.close()
                return
            except Jump as jump:
                self.params = ()
                target = jump.target

    def _enter(self, target: Target) -> Steps[None]:
        page, root = target.page, target.root
        assert page is not None
        assert root is not None
        engine = self.rt.engine
        had = (self.application_scope, self.document_scope)
        self.leaf, self.root = page, root
        self.properties = {**self.rt.properties, **root.document.properties, **page.document.properties}
        self.rt.trace("document", page.url.partition("?")[0])
        if page.document.audio:
            prefetch(self.execution(), page.document.audio)
        if not target.keep_application:
            self.application_scope = engine.new_scope("application")
            engine.set(self.application_scope, "lastresult$", UNDEFINED)
        own = page is not root and page.url != root.url
        self.document_scope = engine.new_scope("document") if own else self.application_scope
        self._drop_scopes(had)
        if not own:
            engine.name_scope(self.application_scope, "document")
        try:
            if not target.keep_application:
                yield from self._set_up(root, self.application_scope)
            if own:
                yield from self._set_up(page, self.document_scope)
        except Thrown as thrown:
            form = FormRun(self, None, None)
            try:
                yield from form.handle(thrown, None)
            finally:
                form.close()

    def _drop_scopes(self, scopes: tuple[int, int]) -> None:
        kept = {self.application_scope, self.document_scope, self.rt.empty_scope}
        for scope in set(scopes) - kept:
            self.rt.engine.drop_scope(scope)

    def _set_up(self, page: Page, scope: int) -> Steps[None]:
        execution = self.execution()
        execution.scope = scope
        if page is not self.leaf:
            execution.chain = (self.rt.session_scope, scope, scope, *execution.chain[3:])
        yield from execute_setup(execution, page.document.setup)


def run_session(rt: Runtime) -> Steps[Exit]:
    """The whole session: load the first document, run, play what is left. Answers how it ended."""
    context = Context(rt)
    try:
        try:
            timeout = context.execution().seconds("fetchtimeout")
            target = yield from context.target(Fetch(rt.new_id(), rt.config.application, timeout=timeout))
            yield from context.run(target)
            ending = Exit(EndReason.FINISHED)
        except Thrown as thrown:
            ending = Exit(EndReason.ERROR, detail=str(thrown))
    except Exit as exit_:
        # Without the frames it came through, which would keep the session in memory until the collector comes.
        ending = Exit(exit_.reason, exit_.values, exit_.detail)
    yield from rt.play_out()
    return ending
