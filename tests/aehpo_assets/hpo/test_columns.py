"""Which columns tell of the test samples."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.columns import TEST_SCORE, VALID_SCORE, columns_of_test, without_test

OF_TEST = [
    *("test_recon_loss", "test_vae_loss", "test_total_loss", "test_r2"),
    *("auc_SEX_test", "auc_valid_test", "r2_AGE (years)_test", TEST_SCORE),
]
OTHERS = [
    *("config_id", "seed", "train_r2", "valid_r2", "valid_recon_loss", VALID_SCORE),
    *("auc_SEX_valid", "auc_test_valid", "r2_AGE (years)_valid", "test", "tested"),
]


def test_the_columns_of_the_test_samples_are_known_by_their_names() -> None:
    table = pd.DataFrame([range(len(OF_TEST + OTHERS))], columns=OF_TEST + OTHERS)
    assert columns_of_test(table) == OF_TEST
    assert without_test(table).columns.tolist() == OTHERS
