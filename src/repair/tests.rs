//! What holds of all repairs; cases of single values stand in `tests/repairs/`.
