"""A leave-one-subject-out run in plain Lightning: one Trainer per held-out subject, one score of all predictions."""

from lightning import Trainer, seed_everything

import mer_lightning as mer
from mer_lightning.models.ststnet import STSTNet

protocol, dataset = mer.get_protocol("megc2019"), mer.SyntheticFlowComposite(scale=0.1)
samples = protocol.label(dataset)
table = mer.load_table(dataset, samples, 3, mer.get_representation("flow_map"))
quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}

rows, guesses = [], []
for fold in protocol.folds(samples):
    seed_everything(0, verbose=False)
    data = mer.LOSODataModule(table, fold, batch_size=16)
    task = mer.ClassifierTask(STSTNet(classes=3), mer.Optimizer(name="adam", lr=0.001), classes=3)
    trainer = Trainer(max_epochs=20, accelerator="cpu", **quiet)
    trainer.fit(task, data)
    guesses += [guess for scores in trainer.predict(task, data) for guess in scores.argmax(1).tolist()]
    rows += fold.test.tolist()
    print(f"{fold.held_out}: {len(fold.test)} clips")

matrix = mer.confusion_matrix(table.labels[rows], guesses, classes=3)
print(f"{matrix}\nUF1 {mer.uf1(matrix):.4f}, UAR {mer.uar(matrix):.4f}")
