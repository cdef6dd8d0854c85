"""Departments."""

from models import Department
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class DepartmentView(SetupView):
    noun = "department"
    title = "Departments"
    intro = "Every customer belongs to at least one."
    empty_text = "At least one department is required to add customers."
    columns = (name_column(Department), active_column(Department))
    filters = (active_filter(Department),)
    search_columns = (Department.name,)
    default_order = (Department.name_key,)
    fields = ("name", "active")
