import { Module } from '@nestjs/common';
import { CatalogueModule } from '../catalogue/catalogue.module.js';
import { LanguageModel } from './language-model.js';
import { SummaryController } from './summary.controller.js';

@Module({ imports: [CatalogueModule], controllers: [SummaryController], providers: [LanguageModel] })
export class SummaryModule {}
