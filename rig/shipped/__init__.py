"""The content folders of the project as installed: fixtures, test plans, report templates."""
