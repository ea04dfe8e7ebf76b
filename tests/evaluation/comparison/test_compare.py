"""What a comparison finds, from run folders made by hand."""

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lmfit.errors import ConfigError, InputError, VerdictError
from lmfit.evaluation.comparison.compare import Comparison
from lmfit.evaluation.comparison.lines import comparison_lines
from lmfit.evaluation.comparison.requirement import check_margin, parse_margin
from lmfit.runs import Run
from lmfit.stages import compare

MakeRun = Callable[..., Run]
Rows = list[dict[str, Any]]


def labelled(right: int, rows: int = 200, **facts: Any) -> Rows:
    """Rows of a classifier of two labels that gets the first `right` ones right."""
    made = []
    for i in range(rows):
        gold, wrong = ("ja", "nein") if i % 2 else ("nein", "ja")
        label = gold if i < right else wrong
        row = {"id": str(i + 1), "text": f"请求 {i} 🙂", "label": label, "score": 0.9, "scores": {label: 0.9}}
        made.append({**row, "gold": gold, "origin": f"test.csv:{i + 1}", **facts})
    return made


def without(rows: Rows, *names: str) -> Rows:
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def outcomes(found: Comparison) -> list[str]:
    return [standing.outcome for standing in found.standings[found.leading]]


def verdicts(found: Comparison) -> str:
    return "\n".join(comparison_lines(found))


class TestVerdicts:
    def test_noise_is_called_noise_and_a_planted_improvement_is_found(self, make_run: MakeRun) -> None:
        for name, right in (("first", 150), ("noise", 154), ("better", 185), ("worse", 100)):
            make_run(name, labelled(right))
        found = compare.run(["first", "noise", "better", "worse"])
        assert outcomes(found) == ["reference", "no difference shown", "better", "worse"]
        assert "no difference shown: +0.020 [" in verdicts(found)
        assert "better by 0.175 [0.1" in verdicts(found)
        assert "worse by 0.250 [0.1" in verdicts(found)

    def test_an_interval_above_zero_beside_no_difference_is_explained(self, make_run: MakeRun) -> None:
        for name, right in (("a", 150), ("b", 155), ("c", 155), ("d", 155)):
            make_run(name, labelled(right))
        found = compare.run(["a", "b", "c", "d"])
        assert "(p is corrected over 3 comparisons, the interval is not)" in verdicts(found)

    def test_a_smaller_error_is_better(self, make_run: MakeRun) -> None:
        generator = np.random.default_rng(0)
        for name, spread in (("a", 1.0), ("b", 0.3)):
            rows = [
                {"id": str(i), "text": f"t{i}", "gold": i % 5, "label": i % 5 + generator.normal(0, spread)}
                for i in range(100)
            ]
            make_run(name, rows, "spearman")
        found = compare.run(["a", "b"], metrics=["mae"])
        assert outcomes(found) == ["reference", "better"]
        assert "lower is better" in verdicts(found)

    def test_equal_runs_are_identical_to_the_bit(self, make_run: MakeRun) -> None:
        for name in ("a", "b"):
            make_run(name, labelled(150), log=[{"step": 1, "loss": 0.5, "time": {"at": hash(name)}}])
        found = compare.run(["a", "b"])
        assert outcomes(found) == ["reference", "identical"]
        assert "identical to the bit: predictions, weights and log" in verdicts(found)

    def test_the_first_step_that_differs_is_named(self, make_run: MakeRun) -> None:
        for name, loss in (("a", 0.25), ("b", 0.5)):
            make_run(name, labelled(150), log=[{"step": 10, "loss": 1.0}, {"step": 20, "loss": loss}])
        assert "identical answers; their logs first differ at step 20 (loss 0.5 and 0.25)" in verdicts(
            compare.run(["a", "b"])
        )

    def test_a_repetition_that_answers_otherwise_is_told_with_its_first_step(self, make_run: MakeRun) -> None:
        for name, right, loss in (("a", 150, 0.25), ("b", 140, 0.5), ("c", 140, 0.5)):
            make_run(name, labelled(right), log=[{"step": 1, "loss": loss}], seed=3 + (name == "c"))
        told = verdicts(compare.run(["a", "b", "c"]))
        assert "b has the config, seed and data of a and should be identical: their logs first differ at step 1" in told
        assert "c has the config" not in told

    def test_equal_answers_of_other_weights_are_told_apart(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        make_run("b", labelled(150), weights=b"others")
        assert "identical answers; their logs are equal, their weights are not" in verdicts(compare.run(["a", "b"]))

    def test_more_runs_need_more_evidence(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        for i in range(9):
            make_run(f"b{i}", labelled(157 if i == 0 else 150 + i % 2))
        assert outcomes(compare.run(["a", "b0"]))[1] == "better"
        assert outcomes(compare.run(["a", "b*"]))[1] == "no difference shown"

    def test_the_best_is_chosen_by_the_metric_and_every_pair_counts(self, make_run: MakeRun) -> None:
        for name, right in (("a", 150), ("b", 185), ("c", 152)):
            make_run(name, labelled(right))
        found = compare.run(["a", "b", "c"], against="best")
        assert (found.runs[found.reference].name, found.tests) == ("b", 3)
        assert outcomes(found) == ["worse", "reference", "worse"]

    def test_a_run_can_be_named_as_the_reference(self, make_run: MakeRun) -> None:
        for name, right in (("a", 150), ("b", 185)):
            make_run(name, labelled(right))
        assert outcomes(compare.run(["a", "b"], against="b")) == ["worse", "reference"]
        with pytest.raises(InputError, match="`nobody` is none of the runs"):
            compare.run(["a", "b"], against="nobody")

    def test_seeds_that_disagree_make_a_gain_uncertain(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        for folder, rights in (("steady", (170, 171, 169)), ("shaky", (170, 195, 145))):
            make_run(folder, labelled(170))
            for seed, right in enumerate(rights):
                make_run(f"{folder}/children/seed-{seed}", labelled(right))
        found = compare.run(["a", "steady", "shaky"])
        assert outcomes(found) == ["reference", "better", "no difference shown"]
        assert [len(run.seeds) for run in found.runs] == [1, 3, 3]


class TestKinds:
    def test_entities(self, make_run: MakeRun) -> None:
        gold = [{"start": 0, "end": 2, "label": "ORT"}]
        for name, hits in (("a", 60), ("b", 90)):
            rows = [
                {"id": str(i), "text": f"柏林 {i}", "gold": gold, "entities": gold if i < hits else []}
                for i in range(100)
            ]
            make_run(name, rows, "f1")
        found = compare.run(["a", "b"], metrics=["f1", "per_class.ORT.recall"])
        assert outcomes(found)[1] == "better"
        assert found.standings["per_class.ORT.recall"][1].estimate.value == pytest.approx(0.9)

    def test_plain_tags(self, make_run: MakeRun) -> None:
        def words(*tags: str) -> list[dict[str, Any]]:
            return [{"start": 2 * i, "end": 2 * i + 1, "label": tag} for i, tag in enumerate(tags)]

        for name, hits in (("a", 60), ("b", 90)):
            rows = [
                {"id": str(i), "gold": words("N", "V"), "entities": words("N", "V" if i < hits else "N")}
                for i in range(100)
            ]
            make_run(name, rows, "token.accuracy")
        found = compare.run(["a", "b"])
        assert outcomes(found)[1] == "better"
        assert found.standings["token.accuracy"][1].estimate.value == pytest.approx(0.95)

    def test_several_labels(self, make_run: MakeRun) -> None:
        for name, hits in (("a", 60), ("b", 90)):
            rows = [
                {"id": str(i), "text": f"t{i}", "gold": ["x", "y"], "label": ["y", "x"] if i < hits else ["x"]}
                for i in range(100)
            ]
            make_run(name, rows, "micro_f1")
        found = compare.run(["a", "b"], metrics=["micro_f1", "subset_accuracy"])
        assert outcomes(found)[1] == "better"
        assert found.standings["subset_accuracy"][1].estimate.value == pytest.approx(0.9)

    def test_rows_of_a_document_are_drawn_together(self, make_run: MakeRun) -> None:
        for name, right in (("a", 100), ("b", 110)):
            make_run(name, [{**row, "document": f"d{i // 10}"} for i, row in enumerate(labelled(right))])
        found = compare.run(["a", "b"])
        assert found.resampled == "documents"
        assert outcomes(found)[1] == "no difference shown"
        assert "McNemar" not in found.standings["accuracy"][1].test

    def test_runs_of_different_tasks_are_refused(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        make_run("b", [{"id": "1", "gold": 1.0, "label": 1.0}], "spearman")
        with pytest.raises(InputError, match="predict different things"):
            compare.run(["a", "b"])

    def test_a_metric_of_another_kind_is_refused(self, make_run: MakeRun) -> None:
        for name in ("a", "b"):
            make_run(name, labelled(150))
        with pytest.raises(InputError, match="`spearman` cannot be computed"):
            compare.run(["a", "b"], metrics=["spearman"])
        with pytest.raises(ConfigError, match="unknown metric"):
            compare.run(["a", "b"], metrics=["acuracy"])


class TestRows:
    def test_the_order_does_not_matter(self, make_run: MakeRun) -> None:
        rows = labelled(150)
        make_run("a", rows)
        shuffled = random.Random(0).sample(rows, len(rows))
        make_run("b", [{**row, "id": str(i), "origin": f"other.csv:{i}"} for i, row in enumerate(shuffled)])
        assert outcomes(compare.run(["a", "b"])) == ["reference", "identical"]

    def test_other_rows_are_refused_counted_and_named(self, make_run: MakeRun) -> None:
        rows = labelled(150)
        make_run("a", rows)
        make_run("b", [*rows[:-5], *({**row, "text": f"{row['text']}!"} for row in rows[-5:])])
        with pytest.raises(InputError) as error:
            compare.run(["a", "b"])
        assert "195 are in both" in str(error.value)
        assert "only in a, 5: test.csv:196 '请求 195 🙂'; test.csv:197" in str(error.value)
        assert "only in b, 5:" in str(error.value)

    def test_a_corrected_gold_label_is_another_row(self, make_run: MakeRun) -> None:
        rows = labelled(150)
        make_run("a", rows)
        make_run("b", [{**rows[0], "gold": "vielleicht"}, *rows[1:]])
        with pytest.raises(InputError, match="199 are in both"):
            compare.run(["a", "b"])

    def test_repeated_rows_are_paired_one_by_one(self, make_run: MakeRun) -> None:
        rows = labelled(150, 199)
        make_run("a", [*rows, rows[0]])
        make_run("b", [rows[0], *rows])
        make_run("c", rows)
        assert outcomes(compare.run(["a", "b"]))[1] == "identical"
        with pytest.raises(InputError, match="only in a, 1"):
            compare.run(["a", "c"])

    def test_without_texts_ids_do(self, make_run: MakeRun) -> None:
        rows = labelled(150)
        make_run("a", rows)
        make_run("b", without(rows, "text")[::-1])
        assert outcomes(compare.run(["a", "b"]))[1] == "identical"

    def test_ids_tell_equal_texts_apart(self, make_run: MakeRun) -> None:
        rows = [{**row, "text": "same", "id": f"customer-{i}"} for i, row in enumerate(labelled(150))]
        make_run("a", rows)
        make_run("b", [{**row, "id": f"other-{i}"} for i, row in enumerate(rows)])
        with pytest.raises(InputError, match=": 0 are in both"):
            compare.run(["a", "b"])

    @pytest.mark.parametrize("line", ["no json", "[1]", '{"id": "1"}', '{"id": "1", "gold": "a"}'])
    def test_a_damaged_line_is_named(self, make_run: MakeRun, line: str) -> None:
        make_run("a", labelled(150))
        run = make_run("b", labelled(150))
        path = run.path / "predictions" / "test.jsonl"
        path.write_text(json.dumps(labelled(150)[0]) + f"\n{line}\n")
        with pytest.raises(InputError) as error:
            compare.run(["a", "b"])
        assert f"{path}:2" in str(error.value)


class TestChoice:
    def test_a_pattern_takes_the_finished_runs_once(
        self, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("ner", "ner-2"):
            make_run(name, labelled(150))
        make_run("ner-3", labelled(150), status="interrupted").path.with_name("latest").symlink_to("ner-2")
        assert [run.name for run in compare.run(["ner", "ner*", "runs/*"]).runs] == ["ner", "ner-2"]
        assert "runs/ner-3 is interrupted and left out" in capsys.readouterr().err

    def test_an_unfinished_run_by_name_is_refused(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        make_run("b", labelled(150), status="failed")
        with pytest.raises(InputError, match="`runs/b` is failed"):
            compare.run(["a", "b"])

    def test_one_run_is_nothing_to_compare(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        with pytest.raises(InputError, match="fewer than two runs"):
            compare.run(["a", "a"])

    def test_a_missing_split_is_told_with_what_there_is(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150))
        make_run("b", labelled(150), split="march")
        with pytest.raises(InputError) as error:
            compare.run(["a", "b"])
        assert "`b` has no predictions for test or validation" in str(error.value)
        assert "it has them for: march" in str(error.value)

    def test_an_evaluation_by_name(self, make_run: MakeRun) -> None:
        for name, right in (("a", 150), ("b", 185)):
            make_run(name, labelled(right), split="march")
        assert outcomes(compare.run(["a", "b"], split="march"))[1] == "better"

    def test_only_keys_that_differ_are_shown(self, make_run: MakeRun) -> None:
        for name, rate in (("a", 1e-4), ("b", 2e-4)):
            make_run(name, labelled(150), model={"name": "minilm-l6"}, training={"learning_rate": rate, "epochs": 3})
        assert compare.run(["a", "b"]).settings == {"training.learning_rate": ["0.0001", "0.0002"]}

    def test_what_is_off_is_told_only_beside_runs_that_know_it(self, make_run: MakeRun) -> None:
        make_run("a", labelled(150), training={"packing": False})
        made = {"ablation": False, "targets": {}, "bits": 0}
        make_run("b", labelled(150), training={"packing": True}, compression=made)
        found = compare.run(["a", "b"]).settings
        assert found == {"training.packing": ["false", "true"], "compression.bits": ["-", "0"]}


class TestRequirement:
    def test_not_worse_holds_where_the_interval_stays_above_the_margin(self, make_run: MakeRun) -> None:
        for name, right in (("a", 150), ("b", 151)):
            make_run(name, labelled(right))
        found = compare.run(["a", "b"])
        check_margin(found, parse_margin(["not-worse:0.02"]))
        with pytest.raises(VerdictError, match=r"not-worse:0\.001 in accuracy; of `b` it may be worse by 0\.0"):
            check_margin(found, parse_margin(["not-worse:0.001"]))

    def test_for_errors_more_is_worse(self, make_run: MakeRun) -> None:
        for name, off in (("a", 0.2), ("b", 0.1)):
            rows = [{"id": str(i), "gold": i % 5, "label": i % 5 + off * (1 + i % 3)} for i in range(100)]
            make_run(name, rows, "spearman")
        better, worse = (compare.run(order, metrics=["mae"]) for order in (["a", "b"], ["b", "a"]))
        check_margin(better, 0.0)
        with pytest.raises(VerdictError):
            check_margin(worse, 0.05)

    @pytest.mark.parametrize("word", ["better:1", "not-worse", "not-worse:-1", "not-worse:much", "not-worse:nan"])
    def test_anything_else_is_refused(self, word: str) -> None:
        with pytest.raises(InputError, match="cannot read the requirement"):
            parse_margin([word])
