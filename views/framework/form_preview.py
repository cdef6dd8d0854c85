"""The form of a new row as it would look, from which nothing can be saved."""

from flask import g
from wtforms import Form

from views.framework.edit_page import EditMixin, EditPage


class PreviewMixin(EditMixin):
    """The preview of the form of a HubModelView."""

    def render_preview(self, list_name: str = "") -> str:
        """The form of a new row as it looks, or its list of rows `list_name` with one row, in a page of its own from
        which nothing can be saved.
        """
        g.form_screen = self.endpoint  # whose look-ups its fields ask, from the page of another
        form = self._create_form_class(None, data=self.initial_values())
        page = self.build_preview_page(form)
        page.live = {}
        self._build_tabs(page)
        if list_name:
            form[list_name].add_blank_row()
            tab = next(tab for tab in page.tabs if list_name in tab["fields"])
            page.main, page.tabs = (), [tab | {"fields": [list_name]}]
        return self.render("setup/form_preview.html", page=page)

    def build_preview_page(self, form: Form) -> EditPage:
        """The page of a preview: that of the form of a new row."""
        return self._edit_page(form, None)
