"""Departments."""

from models import Department
from views.named import SetupView, active_column, active_filter, name_column


class DepartmentView(SetupView):
    noun = "department"
    title = "Departments"
    intro = "Every customer belongs to at least one."
    empty_text = "Customers cannot be added before there is one."
    columns = (name_column(Department), active_column(Department))
    filters = (active_filter(Department),)
    searched = (Department.name,)
    usual_order = (Department.name_key,)
    fields = ("name", "active")
