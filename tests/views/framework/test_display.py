"""Values and labels of rows as people read them."""

import models
from views.framework.display import changes_of, label_for


def test_the_type_of_an_alert_is_not_that_of_an_account():
    assert label_for(models.Alert, "type_id") == label_for(models.Alert, "type") == "Alert type"
    assert label_for(models.Account, "type_id") == label_for(models.Account, "type") == "Account type"
    assert changes_of("alert", {"type": [None, "Credit"]}) == [("Alert type", None, "Credit")]


def test_a_relation_is_called_like_its_column():
    assert label_for(models.Contract, "business_entity") == label_for(models.Contract, "business_entity_id")
    assert label_for(models.Customer, "vat_rate") == "VAT rate"
    assert label_for(models.Customer, "departments") == "Departments"
